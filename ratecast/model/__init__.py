"""The model: features, forecasts, ranges, drift, accuracy measures, the ONNX session and the bundle on disk."""
