# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_kubectl_svc_trace_global_optspecs
    string join \n n/namespace= context= cluster= user= kubeconfig= as= as-group= request-timeout= color= ascii width= v/v= h/help V/version
end

function __fish_kubectl_svc_trace_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_kubectl_svc_trace_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_kubectl_svc_trace_using_subcommand
    set -l cmd (__fish_kubectl_svc_trace_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -s V -l version -d 'Print version'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "trace" -d 'Trace a Service, an address or a node port (`trace` may be left out)'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "dns" -d 'Is it the Service or the DNS: ask every DNS server from inside the cluster, and say what is wrong'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "check" -d 'Check many Services at once: the gate at the end of a pipeline'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "collect" -d 'Read objects and nodes into a bundle: to look at elsewhere, to attach to a bug report'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "packet" -d 'Walk one hand-made packet through the rules of a node in a bundle'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "explain" -d 'Explain a code, a chain, a set, a mark or a rule; or list all codes'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "demo" -d 'Show embedded captures of real nodes: no cluster needed'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "cleanup" -d 'Remove debug pods that were left behind: what has ended or should have, in all namespaces'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "completion" -d 'Print a completion script'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "__agent" -d 'Ask DNS servers what standard input says: run inside a cluster by `dns`'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_needs_command" -f -a "__complete" -d 'Candidates for kubectl\'s completion, in its form'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l from -d 'Who the client is: pod/NAME, deploy/NAME, node/NAME, an address, or external; its node is the one that is read' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l bundle -d 'Read a bundle that `collect` made, instead of a cluster' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l node-dump -d 'Read a node\'s dump from a file, or - for standard input: iptables-save and the like, recognised by its content; repeatable' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l node -d 'Nodes to read, by name, separated by commas; repeatable [default: one Ready node]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l node-selector -d 'Nodes with these labels' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l max-nodes -d 'Read at most so many nodes [default: 20]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l timeout -d 'Longest wait for one node [default: 2m]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l via -d 'What reads a node: a debug pod, an exec in the running kube-proxy, or nothing but the API' -r -f -a "pod\t'A pod of our own, removed afterwards'
kube-proxy\t'exec in the running kube-proxy pod'
api\t'Nothing: what the API says is all'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l profile -d 'What a debug pod may do: netadmin first and sysadmin where that is not enough, or only one of them' -r -f -a "auto\t'The least that does it'
netadmin\t'Host network, NET_ADMIN and NET_RAW'
sysadmin\t'Privileged, host PID'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l pod-namespace -d 'Namespace of the debug pod [default: kube-system]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l image -d 'Image of the debug pod [default: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot:v0.13 where there is none, and for the privileged pod]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l image-pull-secret -d 'Secret to pull the image with' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -s o -l output -d 'Form of the report; wide spells out every path and quotes every rule whole' -r -f -a "human\t'For people, folded'
wide\t'For people, nothing left out'
json\t'For programs, schema svc-trace/v1'
yaml\t'The same as YAML'
junit\t'JUnit XML, for what shows test results'
github\t'Annotations of GitHub\'s runner'
markdown\t'For a step summary or a comment'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l report -d 'Write the report to a file as well, as json=FILE; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l fail-on -d 'Mildest finding that makes the exit code 1' -r -f -a "error\t'Errors'
warning\t'Warnings and errors'
info\t'Any finding'
never\t'None: exit 0 with findings'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l settle -d 'Read the nodes that differ from the objects a second time, 10 s later, to be certain'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l local -d 'This very machine is the node: read its rules, make no pod'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l all-nodes -d 'Every node'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l dry-run -d 'Print what would be made in the cluster, and make nothing'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand trace" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l from -d 'Who the client is: pod/NAME asks in that pod\'s network namespace, node/NAME in the node\'s own [default: a new pod]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l bundle -d 'Read a bundle that `collect` or `dns --save` made, instead of a cluster' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l save -d 'Write what was read and asked into a new bundle as well' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l external -d 'A name outside the cluster to ask for' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l agent-binary -d 'Static Linux binary of svc-trace to ask with, or `none`: a tool of the image asks [default: this program]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l node -d 'Nodes to read, by name, separated by commas; repeatable [default: one Ready node]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l node-selector -d 'Nodes with these labels' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l max-nodes -d 'Read at most so many nodes [default: 20]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l timeout -d 'Longest wait for one node [default: 2m]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l via -d 'What reads a node: a debug pod, an exec in the running kube-proxy, or nothing but the API' -r -f -a "pod\t'A pod of our own, removed afterwards'
kube-proxy\t'exec in the running kube-proxy pod'
api\t'Nothing: what the API says is all'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l profile -d 'What a debug pod may do: netadmin first and sysadmin where that is not enough, or only one of them' -r -f -a "auto\t'The least that does it'
netadmin\t'Host network, NET_ADMIN and NET_RAW'
sysadmin\t'Privileged, host PID'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l pod-namespace -d 'Namespace of the debug pod [default: kube-system]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l image -d 'Image of the debug pod [default: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot:v0.13 where there is none, and for the privileged pod]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l image-pull-secret -d 'Secret to pull the image with' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -s o -l output -d 'Form of the report; wide spells out every path and quotes every rule whole' -r -f -a "human\t'For people, folded'
wide\t'For people, nothing left out'
json\t'For programs, schema svc-trace/v1'
yaml\t'The same as YAML'
junit\t'JUnit XML, for what shows test results'
github\t'Annotations of GitHub\'s runner'
markdown\t'For a step summary or a comment'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l report -d 'Write the report to a file as well, as json=FILE; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l fail-on -d 'Mildest finding that makes the exit code 1' -r -f -a "error\t'Errors'
warning\t'Warnings and errors'
info\t'Any finding'
never\t'None: exit 0 with findings'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l local -d 'Ask from this very machine, make no pod'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l all-nodes -d 'Every node'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l dry-run -d 'Print what would be made in the cluster, and make nothing'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand dns" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -s l -l selector -d 'Services with these labels' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l exclude-namespace -d 'Leave out a namespace; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l suite -d 'What is checked; several separated by commas [default: smoke, or all where Services are chosen]' -r -f -a "smoke\t'The API\'s own Service, DNS, and a sample of the others'
objects\t'What the API\'s objects say'
dataplane\t'What the nodes do with packets'
dns\t'Whether names are answered'
all\t'All of it'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l bundle -d 'Read a bundle that `collect` made, instead of a cluster' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l print-job -d 'Print this check as a Job that the cluster itself runs, with its rights: IMAGE holds kubectl-svc_trace' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l timeout -d 'Longest time for all of it, as 5m' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l external -d 'A name outside the cluster that DNS is asked for [default: example.com]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l save -d 'Keep what was read as a bundle, for `check --bundle`' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l agent-binary -d 'Static Linux binary of svc-trace to ask DNS and to connect with [default: this program]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l node -d 'Nodes to read, by name, separated by commas; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l node-selector -d 'Nodes with these labels' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l sample -d 'So many nodes, spread over zones and versions [default: 3; of a bundle, all]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l max-nodes -d 'Read at most so many nodes [default: 20]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l ignore -d 'Accept a finding: CODE, CODE:namespace/name or CODE:NODE; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l ignore-file -d 'Accept what this file lists with reasons and last days; repeatable' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l baseline -d 'Accept what was found before: a file of --write-baseline, or a report in JSON' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l write-baseline -d 'Write down what is found, and accept it this time' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l via -d 'What reads a node: a debug pod, an exec in the running kube-proxy, or nothing but the API' -r -f -a "pod\t'A pod of our own, removed afterwards'
kube-proxy\t'exec in the running kube-proxy pod'
api\t'Nothing: what the API says is all'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l profile -d 'What a debug pod may do: netadmin first and sysadmin where that is not enough, or only one of them' -r -f -a "auto\t'The least that does it'
netadmin\t'Host network, NET_ADMIN and NET_RAW'
sysadmin\t'Privileged, host PID'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l pod-namespace -d 'Namespace of the debug pod [default: kube-system]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l image -d 'Image of the debug pod [default: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot:v0.13 where there is none, and for the privileged pod]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l image-pull-secret -d 'Secret to pull the image with' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -s o -l output -d 'Form of the report; wide spells out every path and quotes every rule whole' -r -f -a "human\t'For people, folded'
wide\t'For people, nothing left out'
json\t'For programs, schema svc-trace/v1'
yaml\t'The same as YAML'
junit\t'JUnit XML, for what shows test results'
github\t'Annotations of GitHub\'s runner'
markdown\t'For a step summary or a comment'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l report -d 'Write the report to a file as well, as json=FILE; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l fail-on -d 'Mildest finding that makes the exit code 1' -r -f -a "error\t'Errors'
warning\t'Warnings and errors'
info\t'Any finding'
never\t'None: exit 0 with findings'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -s A -l all-namespaces -d 'Services of all namespaces'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l probe -d 'Connect to what the rules deliver, from an unprivileged pod on each node: at most 300 addresses, 3 times each'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l no-settle -d 'Do not read again what differs from the objects; what is only on its way may then be told'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l settle -d 'Read again after 10 s what differs from the objects, to be certain: this is the default'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l all-nodes -d 'Every node'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l require-complete -d 'Fail where something could not be checked'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l dry-run -d 'Print what would be made in the cluster, and make nothing'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -s d -l dir -d 'Write the bundle into this new folder' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -s o -l output -d 'Write the bundle as an archive' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l from -d 'Who the client is: its node is read' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l node -d 'Nodes to read, by name, separated by commas; repeatable [default: one Ready node]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l node-selector -d 'Nodes with these labels' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l max-nodes -d 'Read at most so many nodes [default: 20]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l timeout -d 'Longest wait for one node [default: 2m]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l via -d 'What reads a node: a debug pod, an exec in the running kube-proxy, or nothing but the API' -r -f -a "pod\t'A pod of our own, removed afterwards'
kube-proxy\t'exec in the running kube-proxy pod'
api\t'Nothing: what the API says is all'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l profile -d 'What a debug pod may do: netadmin first and sysadmin where that is not enough, or only one of them' -r -f -a "auto\t'The least that does it'
netadmin\t'Host network, NET_ADMIN and NET_RAW'
sysadmin\t'Privileged, host PID'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l pod-namespace -d 'Namespace of the debug pod [default: kube-system]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l image -d 'Image of the debug pod [default: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot:v0.13 where there is none, and for the privileged pod]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l image-pull-secret -d 'Secret to pull the image with' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -s A -l all-namespaces -d 'Services of all namespaces'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l local -d 'This very machine is the node: read its rules, make no pod'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l all-nodes -d 'Every node'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l dry-run -d 'Print what would be made in the cluster, and make nothing'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand collect" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l bundle -d 'Bundle to read; its objects are not needed' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l node-dump -d 'Read a node\'s dump from a file, or - for standard input; repeatable' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l node -d 'Node to walk [default: the only one there is]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l from -d 'Source address: the node\'s own sends from the node, any other comes in' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l from-port -d 'Source port [default: any ephemeral one]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l to -d 'Destination, as 10.96.0.1:443 or [fd00::1]:443' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l protocol -d 'Transport protocol' -r -f -a "tcp\t'TCP'
udp\t'UDP'
sctp\t'SCTP'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -s o -l output -d 'Form of the report; wide spells out every path and quotes every rule whole' -r -f -a "human\t'For people, folded'
wide\t'For people, nothing left out'
json\t'For programs, schema svc-trace/v1'
yaml\t'The same as YAML'
junit\t'JUnit XML, for what shows test results'
github\t'Annotations of GitHub\'s runner'
markdown\t'For a step summary or a comment'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l report -d 'Write the report to a file as well, as json=FILE; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l fail-on -d 'Mildest finding that makes the exit code 1' -r -f -a "error\t'Errors'
warning\t'Warnings and errors'
info\t'Any finding'
never\t'None: exit 0 with findings'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand packet" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -s o -l output -d 'For a terminal, or as it is written' -r -f -a "human\t'For people'
markdown\t'Markdown'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l all -d 'The pages of all codes'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -s o -l output -d 'Form of the report; wide spells out every path and quotes every rule whole' -r -f -a "human\t'For people, folded'
wide\t'For people, nothing left out'
json\t'For programs, schema svc-trace/v1'
yaml\t'The same as YAML'
junit\t'JUnit XML, for what shows test results'
github\t'Annotations of GitHub\'s runner'
markdown\t'For a step summary or a comment'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l report -d 'Write the report to a file as well, as json=FILE; repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l fail-on -d 'Mildest finding that makes the exit code 1' -r -f -a "error\t'Errors'
warning\t'Warnings and errors'
info\t'Any finding'
never\t'None: exit 0 with findings'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l list -d 'List the scenarios'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l pod-namespace -d 'Namespace of the debug pods [default: kube-system]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l all -d 'Also those that may be at work: of others too, whoever reads a node just now'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand cleanup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand completion" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __agent" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -s n -l namespace -d 'Namespace of names without one [default: the context\'s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l context -d 'Context of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l cluster -d 'Cluster of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l user -d 'User of the kubeconfig' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l kubeconfig -d 'Kubeconfig to use [default: $KUBECONFIG, ~/.kube/config]' -r -F
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l as -d 'User to impersonate' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l as-group -d 'Group to impersonate, repeatable' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l request-timeout -d 'Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever [default: 15s]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l color -d 'Colour: by default on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal'
always\t'Always'
never\t'Never'"
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l width -d 'Columns to fill [default: the terminal\'s, at most 120; else 80]' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -s v -l v -d 'Log level as kubectl has it, 0 to 9: what svc-trace does goes to standard error' -r
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -l ascii -d 'Draw with ASCII alone: ok, warn, FAIL, ? instead of symbols'
complete -c kubectl-svc_trace -n "__fish_kubectl_svc_trace_using_subcommand __complete" -s h -l help -d 'Print help (see more with \'--help\')'
