"""The act that shows the rules, with what each did."""

from __future__ import annotations

from relay.admin import rules as written
from relay.admin.acts.figures import by_rule
from relay.admin.acts.site import Arguments, Json, Site


async def rules(site: Site, given: Arguments) -> Json:
    """The rules in order, with their lines in the file and the mails that each decided in the last week and month."""
    del given
    week = by_rule((await site.figures.bars(site.store.trace, "week"))[1])
    month = by_rule((await site.figures.bars(site.store.trace, "month"))[1])
    found = written.written(site.file)
    return {
        "file": str(site.file),
        "rows": [
            {
                "name": rule.name,
                "line": rule.line,
                "text": rule.text,
                "week": week.get(rule.name, {}),
                "idle": rule.name not in month,
            }
            for rule in found
        ],
        "others": {name: counts for name, counts in week.items() if name not in {rule.name for rule in found}},
    }
