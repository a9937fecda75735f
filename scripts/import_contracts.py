"""A contract for import-linter: modules of a package leave one another alone, private helpers apart."""

from __future__ import annotations

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, output
from importlinter.domain import fields
from importlinter.domain.imports import Module


class Siblings(Contract):
    """No direct child of ``package`` imports another one, unless that one's name begins with ``_``."""

    type_name = "siblings"
    package = fields.ModuleField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: ARG002
        package: Module = self.package
        children = graph.find_children(package.name)
        broken = [
            (child, other)
            for child in sorted(children)
            for other in sorted(graph.find_modules_directly_imported_by(child) & children)
            if not other.rpartition(".")[2].startswith("_")
        ]
        return ContractCheck(kept=not broken, metadata={"broken": broken})

    def render_broken_contract(self, check: ContractCheck) -> None:
        for importer, imported in check.metadata["broken"]:
            output.print_error(f"{importer} imports {imported}")
