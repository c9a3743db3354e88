"""`dlntheory explore`: random networks under sliders, in a browser on this machine."""

from typing import Annotated

import typer

from .inputs import refusals


def explore(
    port: Annotated[int, typer.Option(help="The port, 0 for any that is free.", min=0, max=65535)] = 0,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser.")] = True,
) -> None:
    """Explore random networks with sliders, on a page that this command serves to this machine only.

    The sliders set depth, width, initialisation, batch, the soft output's β, and the step size and steps of inference;
    each move computes alignment and energies anew. Ctrl-C ends it. Needs the extra `report`.

    Exit code 0: ended; 2: bad usage or input.
    """
    with refusals():
        from ..report.html.explorer import Server, page

        text = page()
    with refusals("--port"):
        server = Server(port, text)
    typer.echo(f"{server.address}  (Ctrl-C ends it)")
    if browser:
        import webbrowser

        webbrowser.open(server.address)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        typer.echo()
    finally:
        server.server_close()
