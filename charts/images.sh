#!/bin/sh
# Build the images that the chart runs, with docker, podman or buildah, whichever works here, and
# say how they get onto a cluster. Arguments go to the build, such as --build-arg=BASE_IMAGE=...
# With SAVE_IN=FOLDER and SAVE_AS=NAME they become archives FOLDER/PROGRAM-VERSION-NAME.tar instead.
set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"$/\1/p' pyproject.toml | head -n 1)
images="eurekube/registry:$version eurekube/operator:$version eurekube/sidecar:$version"

if docker info >/dev/null 2>&1; then
  tool=docker
elif command -v podman >/dev/null; then
  tool=podman
elif command -v buildah >/dev/null; then
  tool=buildah
else
  echo "images are built with docker, podman or buildah; none of them works here" >&2
  exit 1
fi

for image in $images; do
  program=${image#eurekube/}
  echo "building $image with $tool" >&2
  "$tool" build --file "${program%%:*}/Dockerfile" --tag "$image" "$@" .
done

save() {
  case $tool in
    docker | podman) "$tool" save --output "$2" "$1" ;;
    buildah) buildah push --quiet "$1" "docker-archive:$2:$1" ;;
  esac
}

if [ -n "${SAVE_IN:-}" ]; then
  for image in $images; do
    program=${image#eurekube/}
    save "$image" "$SAVE_IN/${program%%:*}-$version-$SAVE_AS.tar"
  done
  exit
fi

push() {
  case $tool in
    docker) echo "  docker tag $1 REGISTRY/$1 && docker push REGISTRY/$1" ;;
    *) echo "  $tool push $1 REGISTRY/$1" ;;
  esac
}

# Podman and buildah keep a name without a registry below localhost/.
load() {
  file=${1#eurekube/}
  file=/tmp/${file%%:*}.tar
  case $tool in
    docker) echo "  kind load docker-image $1" ;;
    podman) echo "  podman save --output $file $1 && kind load image-archive $file" ;;
    buildah) echo "  buildah push $1 docker-archive:$file:localhost/$1 && kind load image-archive $file" ;;
  esac
}

echo
echo "Built: $images. Two ways on. Through a registry of yours:"
echo
for image in $images; do push "$image"; done
echo "  helm install eurekube charts/eurekube --namespace eurekube --create-namespace --set image.registry=REGISTRY"
echo
echo "Onto the nodes of a cluster that kind has made:"
echo
for image in $images; do load "$image"; done
case $tool in
  docker) echo "  helm install eurekube charts/eurekube --namespace eurekube --create-namespace" ;;
  *) echo "  helm install eurekube charts/eurekube --namespace eurekube --create-namespace --set image.registry=localhost" ;;
esac
