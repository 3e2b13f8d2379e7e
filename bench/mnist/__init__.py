"""Full trainings of the article's MNIST classifiers."""
