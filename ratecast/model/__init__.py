"""The model: features, ranges, the forecast, the ONNX session, training statistics and the bundle on disk."""
