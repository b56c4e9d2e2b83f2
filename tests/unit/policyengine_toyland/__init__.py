"""A country package of two taxes, for tests of what the importer does with any package."""
