# docker-compose finds rnet where it is told to look for Docker
export DOCKER_HOST=unix:///run/rnet/rnet.sock
cd "$(dirname "$0")"

docker-compose up -d
docker-compose ps
curl -s http://192.0.2.1:8080/
docker-compose exec -T app wget -qO- http://store:5432/answer
docker-compose down -v -t 1
