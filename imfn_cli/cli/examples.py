"""Examples in the help of each command."""

from collections.abc import Mapping, Sequence

from .help import Example

#: Words of the command → its examples.
EXAMPLES: Mapping[str, Sequence[Example]] = {
    "": (
        Example("imfn compress clip.mp4", "clip.mp4 → clip.safetensors"),
        Example("imfn decompress clip.safetensors", "and back: clip.restored.mp4"),
        Example("imfn eval clip.mp4 --against x264 --report page.html", "how good that is"),
    ),
    "compress": (
        Example("imfn compress clip.mp4 -r 16 -q 40", "16 frames a memory; a quality below the default"),
        Example("imfn compress clip.mp4 --target-size 2MB", "the quality that makes 2 MB"),
        Example("imfn compress stack.tif --lossless", "a stack, every bit; --max-error 1% is smaller"),
        Example("imfn compress footage/ -o latents/ -j 2", "a folder; a second run does what is missing"),
        Example("imfn compress s3://raw/ -o s3://latents/ --ray auto", "a bucket, on a Ray cluster"),
        Example("ffmpeg -i clip.mov -f yuv4mpegpipe - | imfn compress - -o clip.safetensors", "from a pipe"),
    ),
    "decompress": (
        Example("imfn decompress clip.safetensors -o out.mkv", "lossless, FFV1"),
        Example("imfn decompress clip.safetensors --frames 500:510 -o ten.npy", "ten frames, as an array"),
        Example("imfn decompress clip.safetensors -o frames/", "a folder of PNG"),
        Example("imfn decompress clip.safetensors -o - --format mkv | ffplay -", "to a pipe"),
    ),
    "stream": (
        Example("imfn stream camera:0 -o live.safetensors", "a camera, until Ctrl-C"),
        Example("imfn stream rtsp://cam/live --timeout 30", "an address, lost after 30 silent seconds"),
        Example("imfn stream cam.ts --forget -o past.safetensors", "one memory of the whole past"),
    ),
    "info": (
        Example("imfn info clip.safetensors --nodes", "header, sizes, every node"),
        Example("imfn info video", "a model"),
    ),
    "memories": (Example("imfn memories clip.mp4 -r 16 -o m.npy", "features of 16 frames each"),),
    "verify": (
        Example("imfn verify latents/*.safetensors", "checksums and decoding"),
        Example("imfn verify clip.safetensors --source clip.mp4", "PSNR, and the worst frame"),
    ),
    "eval": (
        Example("imfn eval clip.mp4 --against x264,av1", "curves and BD-rates against two codecs"),
        Example("imfn eval footage/ -r 4,16 -q 20,50,80 --csv rows.csv", "two ratios, three qualities"),
        Example("imfn eval clip.mp4 --report page.html", "a page with curves and pictures"),
    ),
    "models": (
        Example("imfn models", "what can be named"),
        Example("imfn models add mycam", "into the cache folder"),
        Example("imfn models remove mycam", "out of it"),
    ),
    "models add": (
        Example("imfn models add mycam", "a folder that 'imfn train' made"),
        Example("imfn models add hf://org/name@v1", "one version of a model on the hub"),
    ),
    "models remove": (Example("imfn models remove mycam", "by name; a hash does as well"),),
    "train": (
        Example("imfn train footage/ -o mycam --time-limit 30m", "adapt the model that ships"),
        Example("imfn train --resume -o mycam", "go on after an interruption"),
        Example("imfn train --linear footage/ --test held-out/ -o mycam2", "in closed form, and measured"),
    ),
    "distill": (
        Example("imfn distill mycam footage/ -o mycam/student.safetensors", "learn a model's student"),
        Example("imfn distill video-linear -r 16 -o student.onnx", "one step as a program"),
    ),
    "doctor": (Example("imfn doctor", "what belongs into a bug report"),),
    "bench": (Example("imfn bench codecs --quick", "four clips against other codecs"),),
}
