#!/bin/sh
# Make the namespace and its search attributes (those of contracts/search-attributes.ts). Safe to repeat.
set -eu

attempts=60
until temporal operator cluster health >/dev/null 2>&1; do
  attempts=$((attempts - 1))
  if [ "$attempts" -eq 0 ]; then
    echo "Temporal at $TEMPORAL_ADDRESS did not become healthy; see: docker compose logs temporal" >&2
    exit 1
  fi
  sleep 2
done

temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1 ||
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"

# A namespace that was just made is known to all parts of the server some seconds later.
attempts=30
until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" >/tmp/known 2>/dev/null; do
  attempts=$((attempts - 1))
  [ "$attempts" -gt 0 ] || exit 1
  sleep 2
done
for attribute in AnnealPipeline=Keyword AnnealStage=Keyword AnnealModelVersion=Keyword AnnealMetric=Double; do
  name=${attribute%=*}
  grep -qw "$name" /tmp/known ||
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$name" --type "${attribute#*=}"
done
