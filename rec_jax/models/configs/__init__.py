"""What a config's `model` section may say, one file per kind: each makes its model, or raises ConfigError."""
