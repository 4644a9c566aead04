# docker build -t imfn .
# docker run --rm -v "$PWD:/work" -u "$(id -u):$(id -g)" imfn compress clip.mp4
#
# On x86-64 PyPI's PyTorch brings CUDA, gigabytes of it; for the processor alone pass the index of PyTorch's CPU wheels:
# docker build --build-arg PIP_EXTRA_INDEX_URL=… -t imfn .
FROM python:3.13-slim AS build
RUN pip install --no-cache-dir build
COPY . /source
RUN python -m build --wheel --outdir /wheels /source

FROM python:3.13-slim
ARG PIP_EXTRA_INDEX_URL
COPY --from=build /wheels /wheels
COPY constraints.txt /wheels/
RUN pip install --no-cache-dir -c /wheels/constraints.txt /wheels/*.whl && rm -r /wheels
# For whoever runs it: the cache of models, and of compiled kernels.
ENV IMFN_CACHE=/cache/imfn NUMBA_CACHE_DIR=/cache/numba
RUN mkdir -m 777 /cache /work
USER nobody
VOLUME /cache
WORKDIR /work
ENTRYPOINT ["imfn"]
CMD ["--help"]
