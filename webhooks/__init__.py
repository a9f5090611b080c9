"""The public application: carriers' webhooks, simulator, health, metrics. It holds no staff secret."""
