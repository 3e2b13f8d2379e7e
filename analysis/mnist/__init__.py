"""MNIST trainings: what models reached, and what became of the article's claims."""
