# The image of `check --print-job IMAGE`: the static program and nothing else.
#
#   just dist
#   docker build -f deploy/check.Dockerfile -t REGISTRY/svc-trace:0.1.0 .
#   kubectl svc-trace check -A --print-job REGISTRY/svc-trace:0.1.0 >job.yaml
FROM scratch
ARG VERSION=v0.1.0
ARG TARGETARCH=amd64
# unpacked on the way, where it is on the PATH
ADD dist/kubectl-svc_trace_${VERSION}_linux_${TARGETARCH}.tar.gz /usr/local/bin/
ENV PATH=/usr/local/bin
USER 65532
ENTRYPOINT ["kubectl-svc_trace"]
