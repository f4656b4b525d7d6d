"""Clients of an event hub: they send and read events with the azure-eventhub SDK."""
