"""The category model as it is served: bundle, naive Bayes, trees, scoring, explanation."""
