"""A worker that serves askOperator: it asks people and leaves the rest to them.

Each execution is a line on the output, so that one can see how often there was one.
"""

from typing import Literal

import fermata

client = fermata.Client()
worker = fermata.Worker(client)


@worker.tool
def askOperator(question: str, severity: Literal["low", "normal", "high"] = "normal"):
    """Asks an operator for a decision about money. The result is the decision, as JSON."""
    print(f"executed askOperator: {question}", flush=True)
    return fermata.Pause(
        question,
        urgency=severity.upper(),
        schema={
            "type": "object",
            "required": ["approved"],
            "properties": {"approved": {"type": "boolean"}, "amount": {"type": "number"}},
        },
    )


worker.run(ready=lambda: print("serving", flush=True))
