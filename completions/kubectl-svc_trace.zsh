#compdef kubectl-svc_trace

autoload -U is-at-least

_kubectl-svc_trace() {
    typeset -A opt_args
    typeset -a _arguments_options
    local ret=1

    if is-at-least 5.2; then
        _arguments_options=(-s -S -C)
    else
        _arguments_options=(-s -C)
    fi

    local context curcontext="$curcontext" state line
    _arguments "${_arguments_options[@]}" : \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'-V[Print version]' \
'--version[Print version]' \
":: :_kubectl-svc_trace_commands" \
"*::: :->kubectl svc-trace" \
&& ret=0
    case $state in
    (kubectl svc-trace)
        words=($line[1] "${words[@]}")
        (( CURRENT += 1 ))
        curcontext="${curcontext%:*:*}:kubectl-svc_trace-command-$line[1]:"
        case $line[1] in
            (trace)
_arguments "${_arguments_options[@]}" : \
'--from=[Who the client is\: pod/NAME, deploy/NAME, node/NAME, an address, or external; its node is the one that is read]:CLIENT:_default' \
'--bundle=[Read a bundle that \`collect\` made, instead of a cluster]:DIR|FILE.tgz:_files' \
'*--node-dump=[Read a node'\''s dump from a file, or - for standard input\: iptables-save and the like, recognised by its content; repeatable]:FILE:_files' \
'*--node=[Nodes to read, by name, separated by commas; repeatable \[default\: one Ready node\]]:NAME:_default' \
'--node-selector=[Nodes with these labels]:LABELS:_default' \
'--max-nodes=[Read at most so many nodes \[default\: 20\]]:NUMBER:_default' \
'--timeout=[Longest wait for one node \[default\: 2m\]]:TIME:_default' \
'--via=[What reads a node\: a debug pod, an exec in the running kube-proxy, or nothing but the API]:MEANS:((pod\:"A pod of our own, removed afterwards"
kube-proxy\:"exec in the running kube-proxy pod"
api\:"Nothing\: what the API says is all"))' \
'--profile=[What a debug pod may do\: netadmin first and sysadmin where that is not enough, or only one of them]:PROFILE:((auto\:"The least that does it"
netadmin\:"Host network, NET_ADMIN and NET_RAW"
sysadmin\:"Privileged, host PID"))' \
'--pod-namespace=[Namespace of the debug pod \[default\: kube-system\]]:NAME:_default' \
'--image=[Image of the debug pod \[default\: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot\:v0.13 where there is none, and for the privileged pod\]]:IMAGE:_default' \
'--image-pull-secret=[Secret to pull the image with]:NAME:_default' \
'-o+[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'--output=[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'*--report=[Write the report to a file as well, as json=FILE; repeatable]:FORMAT=FILE:_default' \
'--fail-on=[Mildest finding that makes the exit code 1]:SEVERITY:((error\:"Errors"
warning\:"Warnings and errors"
info\:"Any finding"
never\:"None\: exit 0 with findings"))' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--settle[Read the nodes that differ from the objects a second time, 10 s later, to be certain]' \
'--local[This very machine is the node\: read its rules, make no pod]' \
'--all-nodes[Every node]' \
'--dry-run[Print what would be made in the cluster, and make nothing]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':target -- web, web\:http, web\:80, kube-dns\:53/udp, svc/web, web.shop.svc.cluster.local\:80, 10.96.0.10\:53, \[fd00\:\:a\]\:53, NODE\:30080, ingress/web:_default' \
&& ret=0
;;
(dns)
_arguments "${_arguments_options[@]}" : \
'--from=[Who the client is\: pod/NAME asks in that pod'\''s network namespace, node/NAME in the node'\''s own \[default\: a new pod\]]:CLIENT:_default' \
'--bundle=[Read a bundle that \`collect\` or \`dns --save\` made, instead of a cluster]:DIR|FILE.tgz:_files' \
'(--bundle)--save=[Write what was read and asked into a new bundle as well]:DIR|FILE.tgz:_files' \
'--external=[A name outside the cluster to ask for]:NAME:_default' \
'--agent-binary=[Static Linux binary of svc-trace to ask with, or \`none\`\: a tool of the image asks \[default\: this program\]]:FILE:_files' \
'*--node=[Nodes to read, by name, separated by commas; repeatable \[default\: one Ready node\]]:NAME:_default' \
'--node-selector=[Nodes with these labels]:LABELS:_default' \
'--max-nodes=[Read at most so many nodes \[default\: 20\]]:NUMBER:_default' \
'--timeout=[Longest wait for one node \[default\: 2m\]]:TIME:_default' \
'--via=[What reads a node\: a debug pod, an exec in the running kube-proxy, or nothing but the API]:MEANS:((pod\:"A pod of our own, removed afterwards"
kube-proxy\:"exec in the running kube-proxy pod"
api\:"Nothing\: what the API says is all"))' \
'--profile=[What a debug pod may do\: netadmin first and sysadmin where that is not enough, or only one of them]:PROFILE:((auto\:"The least that does it"
netadmin\:"Host network, NET_ADMIN and NET_RAW"
sysadmin\:"Privileged, host PID"))' \
'--pod-namespace=[Namespace of the debug pod \[default\: kube-system\]]:NAME:_default' \
'--image=[Image of the debug pod \[default\: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot\:v0.13 where there is none, and for the privileged pod\]]:IMAGE:_default' \
'--image-pull-secret=[Secret to pull the image with]:NAME:_default' \
'-o+[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'--output=[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'*--report=[Write the report to a file as well, as json=FILE; repeatable]:FORMAT=FILE:_default' \
'--fail-on=[Mildest finding that makes the exit code 1]:SEVERITY:((error\:"Errors"
warning\:"Warnings and errors"
info\:"Any finding"
never\:"None\: exit 0 with findings"))' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--local[Ask from this very machine, make no pod]' \
'--all-nodes[Every node]' \
'--dry-run[Print what would be made in the cluster, and make nothing]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::name -- A name that does not resolve as it should\: web, web.shop, web.shop.svc.cluster.local, example.com:_default' \
&& ret=0
;;
(check)
_arguments "${_arguments_options[@]}" : \
'-l+[Services with these labels]:LABELS:_default' \
'--selector=[Services with these labels]:LABELS:_default' \
'*--exclude-namespace=[Leave out a namespace; repeatable]:NAME:_default' \
'*--suite=[What is checked; several separated by commas \[default\: smoke, or all where Services are chosen\]]:SUITE:((smoke\:"The API'\''s own Service, DNS, and a sample of the others"
objects\:"What the API'\''s objects say"
dataplane\:"What the nodes do with packets"
dns\:"Whether names are answered"
all\:"All of it"))' \
'--bundle=[Read a bundle that \`collect\` made, instead of a cluster]:DIR|FILE.tgz:_files' \
'(--bundle --ignore-file --baseline --write-baseline --report)--print-job=[Print this check as a Job that the cluster itself runs, with its rights\: IMAGE holds kubectl-svc_trace]:IMAGE:_default' \
'--timeout=[Longest time for all of it, as 5m]:TIME:_default' \
'--external=[A name outside the cluster that DNS is asked for \[default\: example.com\]]:NAME:_default' \
'(--bundle --print-job)--save=[Keep what was read as a bundle, for \`check --bundle\`]:DIR|FILE.tgz:_files' \
'--agent-binary=[Static Linux binary of svc-trace to ask DNS and to connect with \[default\: this program\]]:FILE:_files' \
'*--node=[Nodes to read, by name, separated by commas; repeatable]:NAME:_default' \
'--node-selector=[Nodes with these labels]:LABELS:_default' \
'--sample=[So many nodes, spread over zones and versions \[default\: 3; of a bundle, all\]]:NUMBER:_default' \
'--max-nodes=[Read at most so many nodes \[default\: 20\]]:NUMBER:_default' \
'*--ignore=[Accept a finding\: CODE, CODE\:namespace/name or CODE\:NODE; repeatable]:CODE:_default' \
'*--ignore-file=[Accept what this file lists with reasons and last days; repeatable]:FILE:_files' \
'--baseline=[Accept what was found before\: a file of --write-baseline, or a report in JSON]:FILE:_files' \
'--write-baseline=[Write down what is found, and accept it this time]:FILE:_files' \
'--via=[What reads a node\: a debug pod, an exec in the running kube-proxy, or nothing but the API]:MEANS:((pod\:"A pod of our own, removed afterwards"
kube-proxy\:"exec in the running kube-proxy pod"
api\:"Nothing\: what the API says is all"))' \
'--profile=[What a debug pod may do\: netadmin first and sysadmin where that is not enough, or only one of them]:PROFILE:((auto\:"The least that does it"
netadmin\:"Host network, NET_ADMIN and NET_RAW"
sysadmin\:"Privileged, host PID"))' \
'--pod-namespace=[Namespace of the debug pod \[default\: kube-system\]]:NAME:_default' \
'--image=[Image of the debug pod \[default\: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot\:v0.13 where there is none, and for the privileged pod\]]:IMAGE:_default' \
'--image-pull-secret=[Secret to pull the image with]:NAME:_default' \
'-o+[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'--output=[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'*--report=[Write the report to a file as well, as json=FILE; repeatable]:FORMAT=FILE:_default' \
'--fail-on=[Mildest finding that makes the exit code 1]:SEVERITY:((error\:"Errors"
warning\:"Warnings and errors"
info\:"Any finding"
never\:"None\: exit 0 with findings"))' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'-A[Services of all namespaces]' \
'--all-namespaces[Services of all namespaces]' \
'--probe[Connect to what the rules deliver, from an unprivileged pod on each node\: at most 300 addresses, 3 times each]' \
'--no-settle[Do not read again what differs from the objects; what is only on its way may then be told]' \
'(--no-settle)--settle[Read again after 10 s what differs from the objects, to be certain\: this is the default]' \
'--all-nodes[Every node]' \
'--require-complete[Fail where something could not be checked]' \
'--dry-run[Print what would be made in the cluster, and make nothing]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::services -- Services by name, as web or shop/web \[default\: a sample of the whole cluster\]:_default' \
&& ret=0
;;
(collect)
_arguments "${_arguments_options[@]}" : \
'(-o --output)-d+[Write the bundle into this new folder]:DIR:_files' \
'(-o --output)--dir=[Write the bundle into this new folder]:DIR:_files' \
'-o+[Write the bundle as an archive]:FILE.tgz:_files' \
'--output=[Write the bundle as an archive]:FILE.tgz:_files' \
'--from=[Who the client is\: its node is read]:CLIENT:_default' \
'*--node=[Nodes to read, by name, separated by commas; repeatable \[default\: one Ready node\]]:NAME:_default' \
'--node-selector=[Nodes with these labels]:LABELS:_default' \
'--max-nodes=[Read at most so many nodes \[default\: 20\]]:NUMBER:_default' \
'--timeout=[Longest wait for one node \[default\: 2m\]]:TIME:_default' \
'--via=[What reads a node\: a debug pod, an exec in the running kube-proxy, or nothing but the API]:MEANS:((pod\:"A pod of our own, removed afterwards"
kube-proxy\:"exec in the running kube-proxy pod"
api\:"Nothing\: what the API says is all"))' \
'--profile=[What a debug pod may do\: netadmin first and sysadmin where that is not enough, or only one of them]:PROFILE:((auto\:"The least that does it"
netadmin\:"Host network, NET_ADMIN and NET_RAW"
sysadmin\:"Privileged, host PID"))' \
'--pod-namespace=[Namespace of the debug pod \[default\: kube-system\]]:NAME:_default' \
'--image=[Image of the debug pod \[default\: the one kube-proxy runs on that node; docker.io/nicolaka/netshoot\:v0.13 where there is none, and for the privileged pod\]]:IMAGE:_default' \
'--image-pull-secret=[Secret to pull the image with]:NAME:_default' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'-A[Services of all namespaces]' \
'--all-namespaces[Services of all namespaces]' \
'--local[This very machine is the node\: read its rules, make no pod]' \
'--all-nodes[Every node]' \
'--dry-run[Print what would be made in the cluster, and make nothing]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::target -- Read only what this target needs \[default\: all Services of the namespace\]:_default' \
&& ret=0
;;
(packet)
_arguments "${_arguments_options[@]}" : \
'--bundle=[Bundle to read; its objects are not needed]:DIR|FILE.tgz:_files' \
'(--bundle)*--node-dump=[Read a node'\''s dump from a file, or - for standard input; repeatable]:FILE:_files' \
'--node=[Node to walk \[default\: the only one there is\]]:NAME:_default' \
'--from=[Source address\: the node'\''s own sends from the node, any other comes in]:IP:_default' \
'--from-port=[Source port \[default\: any ephemeral one\]]:PORT:_default' \
'--to=[Destination, as 10.96.0.1\:443 or \[fd00\:\:1\]\:443]:IP:PORT:_default' \
'--protocol=[Transport protocol]:PROTOCOL:((tcp\:"TCP"
udp\:"UDP"
sctp\:"SCTP"))' \
'-o+[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'--output=[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'*--report=[Write the report to a file as well, as json=FILE; repeatable]:FORMAT=FILE:_default' \
'--fail-on=[Mildest finding that makes the exit code 1]:SEVERITY:((error\:"Errors"
warning\:"Warnings and errors"
info\:"Any finding"
never\:"None\: exit 0 with findings"))' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(explain)
_arguments "${_arguments_options[@]}" : \
'-o+[For a terminal, or as it is written]:FORMAT:((human\:"For people"
markdown\:"Markdown"))' \
'--output=[For a terminal, or as it is written]:FORMAT:((human\:"For people"
markdown\:"Markdown"))' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'()--all[The pages of all codes]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::code -- dnat-target-mismatch, or its number ST323; KUBE-MARK-MASQ, KUBE-LOOP-BACK, 0x4000; '\''-A CHAIN … -j TARGET'\''; without one, a table of all codes:_default' \
&& ret=0
;;
(demo)
_arguments "${_arguments_options[@]}" : \
'-o+[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'--output=[Form of the report; wide spells out every path and quotes every rule whole]:FORMAT:((human\:"For people, folded"
wide\:"For people, nothing left out"
json\:"For programs, schema svc-trace/v1"
yaml\:"The same as YAML"
junit\:"JUnit XML, for what shows test results"
github\:"Annotations of GitHub'\''s runner"
markdown\:"For a step summary or a comment"))' \
'*--report=[Write the report to a file as well, as json=FILE; repeatable]:FORMAT=FILE:_default' \
'--fail-on=[Mildest finding that makes the exit code 1]:SEVERITY:((error\:"Errors"
warning\:"Warnings and errors"
info\:"Any finding"
never\:"None\: exit 0 with findings"))' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--list[List the scenarios]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'::scenario -- Which one; --list names them:_default' \
&& ret=0
;;
(cleanup)
_arguments "${_arguments_options[@]}" : \
'--pod-namespace=[Namespace of the debug pods \[default\: kube-system\]]:NAME:_default' \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--all[Also those that may be at work\: of others too, whoever reads a node just now]' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
&& ret=0
;;
(completion)
_arguments "${_arguments_options[@]}" : \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':shell -- Whose script:((bash\:"bash"
zsh\:"zsh"
fish\:"fish"
kubectl\:"The helper that kubectl itself calls, \`kubectl_complete-svc_trace\`"))' \
&& ret=0
;;
(__agent)
_arguments "${_arguments_options[@]}" : \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
':work -- What it is to do:((dns\:"Ask DNS servers"
connect\:"Connect to addresses"))' \
&& ret=0
;;
(__complete)
_arguments "${_arguments_options[@]}" : \
'-n+[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--namespace=[Namespace of names without one \[default\: the context'\''s\]]:NAME:_default' \
'--context=[Context of the kubeconfig]:NAME:_default' \
'--cluster=[Cluster of the kubeconfig]:NAME:_default' \
'--user=[User of the kubeconfig]:NAME:_default' \
'--kubeconfig=[Kubeconfig to use \[default\: \$KUBECONFIG, ~/.kube/config\]]:FILE:_files' \
'--as=[User to impersonate]:USER:_default' \
'*--as-group=[Group to impersonate, repeatable]:GROUP:_default' \
'--request-timeout=[Longest wait for one answer of the API, as 5s or 1m; 0 waits for ever \[default\: 15s\]]:TIME:_default' \
'--color=[Colour\: by default on a terminal, unless NO_COLOR is set]:WHEN:((auto\:"On a terminal"
always\:"Always"
never\:"Never"))' \
'--width=[Columns to fill \[default\: the terminal'\''s, at most 120; else 80\]]:COLUMNS:_default' \
'-v+[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--v=[Log level as kubectl has it, 0 to 9\: what svc-trace does goes to standard error]:LEVEL:_default' \
'--ascii[Draw with ASCII alone\: ok, warn, FAIL, ? instead of symbols]' \
'-h[Print help (see more with '\''--help'\'')]' \
'--help[Print help (see more with '\''--help'\'')]' \
'*::words -- Words so far, the last one being typed:_default' \
&& ret=0
;;
        esac
    ;;
esac
}

(( $+functions[_kubectl-svc_trace_commands] )) ||
_kubectl-svc_trace_commands() {
    local commands; commands=(
'trace:Trace a Service, an address or a node port (\`trace\` may be left out)' \
'dns:Is it the Service or the DNS\: ask every DNS server from inside the cluster, and say what is wrong' \
'check:Check many Services at once\: the gate at the end of a pipeline' \
'collect:Read objects and nodes into a bundle\: to look at elsewhere, to attach to a bug report' \
'packet:Walk one hand-made packet through the rules of a node in a bundle' \
'explain:Explain a code, a chain, a set, a mark or a rule; or list all codes' \
'demo:Show embedded captures of real nodes\: no cluster needed' \
'cleanup:Remove debug pods that were left behind\: what has ended or should have, in all namespaces' \
'completion:Print a completion script' \
'__agent:Ask DNS servers what standard input says\: run inside a cluster by \`dns\`' \
'__complete:Candidates for kubectl'\''s completion, in its form' \
    )
    _describe -t commands 'kubectl-svc_trace commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd____agent_commands] )) ||
_kubectl-svc_trace__subcmd____agent_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace __agent commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd____complete_commands] )) ||
_kubectl-svc_trace__subcmd____complete_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace __complete commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__check_commands] )) ||
_kubectl-svc_trace__subcmd__check_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace check commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__cleanup_commands] )) ||
_kubectl-svc_trace__subcmd__cleanup_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace cleanup commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__collect_commands] )) ||
_kubectl-svc_trace__subcmd__collect_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace collect commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__completion_commands] )) ||
_kubectl-svc_trace__subcmd__completion_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace completion commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__demo_commands] )) ||
_kubectl-svc_trace__subcmd__demo_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace demo commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__dns_commands] )) ||
_kubectl-svc_trace__subcmd__dns_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace dns commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__explain_commands] )) ||
_kubectl-svc_trace__subcmd__explain_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace explain commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__packet_commands] )) ||
_kubectl-svc_trace__subcmd__packet_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace packet commands' commands "$@"
}
(( $+functions[_kubectl-svc_trace__subcmd__trace_commands] )) ||
_kubectl-svc_trace__subcmd__trace_commands() {
    local commands; commands=()
    _describe -t commands 'kubectl-svc_trace trace commands' commands "$@"
}

if [ "$funcstack[1]" = "_kubectl-svc_trace" ]; then
    _kubectl-svc_trace "$@"
else
    compdef _kubectl-svc_trace kubectl-svc_trace
fi
