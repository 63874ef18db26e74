"""Amazon EventBridge: buses, rules and their targets; what happens to an event is in governance/event_bus.py."""
