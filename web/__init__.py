"""The page and the HTTP door: rates, ranges and faults in a browser, and predictions over HTTP."""
