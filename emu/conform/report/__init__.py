"""What is told of a run: a matrix for people, JUnit XML for machines, a page for a vendor."""
