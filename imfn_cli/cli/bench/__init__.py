"""`imfn bench`: every table of docs/RESULTS.md, by name; one module a command."""

from ..lazy_group import lazy_app

bench = lazy_app(
    __package__,
    {
        "factorisation": ("factorisation:factorisation", "Merges of two against one network for all frames."),
        "mnist": ("mnist:mnist", "MNIST digits from one memory of many, against other networks."),
        "language": ("language:language", "Hidden states of a language model in memories."),
        "camera": ("camera:camera", "What training on one camera's footage gains."),
        "student": ("student:student", "The student against its tree: PSNR, latency, age."),
        "ucf101": ("ucf101:ucf101", "PSNR and bits per pixel of UCF-101 test clips."),
        "codecs": ("codecs:codecs", "BD-rates against other codecs, of UCF-101 test clips."),
        "coder": ("coder:coder", "Fit the tables that adaptive forests are coded with."),
        "arrays": ("arrays:arrays", "Arrays within an error, against other compressors of arrays."),
        "speed": ("speed:speed", "Frames a second, beside libx264."),
        "windows": ("windows:windows", "Random windows for training, latents beside video files."),
        "memory": ("memory:memory", "Peak RSS of compressing and restoring."),
    },
    help="Reproduce the tables of results, as CSV files in a folder.",
)
