"""What a resolver may ask for: the verbs of one request, by noun."""

from gateway.context.cost import CostMeter
from gateway.context.estimate import Estimate
from gateway.context.plan import Plan
from gateway.context.reading import Context, Info
from gateway.context.writes import Ledger

__all__ = ["Context", "CostMeter", "Estimate", "Info", "Ledger", "Plan"]
