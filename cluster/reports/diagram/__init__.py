"""The picture of an environment: accounts, network, cluster, data, edge, boundaries, and who is outside.

    seen = picture(graph)             # boxes in boxes, and arrows between them: what is shown
    svg(seen), mermaid(seen)          # the same, drawn and as Mermaid

Every box names the resources that it stands for; what the graph does not have is not drawn.
"""

from cluster.reports.diagram.mermaid import mermaid
from cluster.reports.diagram.model import Arrow, Box, Picture
from cluster.reports.diagram.picture import picture
from cluster.reports.diagram.svg import svg

__all__ = ["Arrow", "Box", "Picture", "mermaid", "picture", "svg"]
