"""Who is calling: credentials and the principals behind them."""
