"""All that knows a country: its data, its areas, its figures. The law itself comes by `engine`."""
