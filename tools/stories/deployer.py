"""A worker that serves deploy, for show: it says what it was told to deploy."""

import fermata

client = fermata.Client()
worker = fermata.Worker(client)


@worker.tool
def deploy(environment: str, version: str):
    """Deploys a version to an environment."""
    print(f"executed deploy: {version} to {environment}", flush=True)
    return f"Version {version} is on {environment}."


worker.run(ready=lambda: print("serving", flush=True))
