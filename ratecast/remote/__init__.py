"""Model bundles at a URL: an object store, an HTTP server, a folder."""
