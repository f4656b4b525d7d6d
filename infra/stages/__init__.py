"""What each stage of the data path declares in Azure."""
