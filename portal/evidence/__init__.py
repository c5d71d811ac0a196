"""Evidence: the company's library of documents, and to whom it shows them."""
