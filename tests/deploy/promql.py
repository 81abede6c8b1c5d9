"""What a query asks for and what comes out of it: metrics, labels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import promql_parser as promql

SCRAPED = frozenset({"job", "instance"})  # what Prometheus adds to every series


@dataclass(frozen=True)
class Query:
    """A query in PromQL, and the metrics that there are: name and labels."""

    text: str
    known: Mapping[str, tuple[str, ...]]

    def faults(self) -> Iterator[str]:
        """Metrics and labels that there are not."""
        found: list[promql.Expr] = []
        promql.walk(promql.parse(self.text), found.append)
        for each in found:
            if isinstance(each, promql.VectorSelector):
                if each.name not in self.known:
                    yield f"metric {each.name}"
                asked = {matcher.name for matcher in each.matchers.matchers}
                yield from (f"label {name} of {each.name}" for name in asked - self._labels(each))
            elif isinstance(each, promql.AggregateExpr) and each.modifier:
                labels = set(each.modifier.labels)
                yield from (f"label {name} of {each.prettify()}" for name in labels - self._labels(each.expr))
            elif isinstance(each, promql.BinaryExpr) and each.modifier and each.modifier.matching:
                labels = set(each.modifier.matching.labels)
                both = self._labels(each.lhs) & self._labels(each.rhs)
                yield from (f"label {name} on both sides of {each.prettify()}" for name in labels - both)

    def labels(self) -> frozenset[str]:
        """The labels of what comes out."""
        return self._labels(promql.parse(self.text))

    def _labels(self, of: promql.Expr) -> frozenset[str]:
        match of:
            case promql.VectorSelector():
                bucket = {"le"} if of.name.endswith("_bucket") else set()
                return SCRAPED | bucket | set(self.known.get(of.name, ()))
            case promql.MatrixSelector():
                return self._labels(of.vector_selector)
            case promql.AggregateExpr() if str(of.op) not in {"topk", "bottomk"}:
                return frozenset(of.modifier.labels if of.modifier else ())
            case promql.Call():
                of_arguments = [self._labels(argument) for argument in of.args]
                gone = {"le"} if of.func.name == "histogram_quantile" else set()
                return frozenset().union(*of_arguments) - gone
            case promql.BinaryExpr():
                left, right = self._labels(of.lhs), self._labels(of.rhs)
                return left | right if str(of.op) == "or" or not left else left
            case promql.NumberLiteral() | promql.StringLiteral():
                return frozenset()
            case _:
                return self._labels(of.expr)
