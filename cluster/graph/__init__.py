"""The resource graph of one environment: what the program would create, before anything is created.

`capture(environment)` runs the Pulumi program against a monitor of our own, without the Pulumi CLI, plugins or an
account, and returns a `Graph`. Cost, controls, diagram, recovery and the rest are pure views of it: they read the graph
and nothing else.

    graph = capture(load("prod"))
    graph["ec2.Vpc/main"].inputs["cidrBlock"]                  # "10.30.0.0/16"
    graph.of_type("aws:rds/clusterInstance:ClusterInstance")   # in the order of their keys
    graph.of_type("aws:sqs/*")                                 # a whole module
    graph.within("automatrix.Data/data")                       # everything below a component
    graph.target(subnet.inputs["vpcId"])                       # the resource that a reference names
    graph.uses("eks.NodeGroup/system")                         # what it needs, and the property that says so
    graph.users("kms.Key/data")                                # the other direction
    graph.region(resource), graph.tags(resource)               # with the provider's defaults
    graph.order()                                              # dependencies first
    graph.altered("rds.Cluster/app", "storageEncrypted", False)  # another graph with one input changed, for tests
    Graph.from_json(graph.to_json()) == graph

Keys are `<type, short>/<name>` and stable between runs. An output of another resource stands in the inputs as
`${<key>:<attribute>}`, alone or within a longer string (a policy document): `references()` finds them all, and a
rehearsal replaces them by what was really created. Inputs have the names of the provider's schema, in camelCase.

`Resource.declared_by` says where a resource comes from:

| value | meaning |
|---|---|
| `program` | registered by the program |
| `pulumi-eks` | made by the EKS component, written out from its source (`expand_eks.py`) |
| `gitops` | a Kubernetes object that the GitOps engine applies; its inputs are the manifest |
| another name | declared: what a controller creates later (`karpenter`, `aws-load-balancer-controller`, `ebs-csi`) |

A component (`is_component`) groups resources, costs nothing and is created nowhere.
"""

from cluster.graph.model import Edge, Graph, Reference, Resource, references

__all__ = ["Edge", "Graph", "Reference", "Resource", "references"]
