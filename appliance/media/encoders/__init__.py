"""The encoders: one class each, all behind ``encoder.Encoder``; ``choice`` says which one a stream gets."""
