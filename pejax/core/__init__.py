"""The ground: types, errors, arguments, populations and files, on which every room stands."""
