"""The pod network of locally built nodes: routes between the nodes, and NetworkPolicies enforced by nftables.

One process per node, host network, standard library only: it is in the node image and starts before anything
else can. The official node image brings its own (kindnet), then this package is not used.
"""
