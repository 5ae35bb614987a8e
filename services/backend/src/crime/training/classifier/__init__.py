"""Training of the category model: naive Bayes, trees for each detail level, evaluation."""
