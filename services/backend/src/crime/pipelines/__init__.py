"""Work across the registry and training: publishing, retraining, tuning, scoring tables, backup."""
