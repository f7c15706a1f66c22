"""Alerts: rules over signals, that fire and are resolved inside the fold."""
