"""Development tools: they generate parts of the documentation and are not part of the package."""
