"""The paper's claims: sentences from Zeiler & Fergus 2013, and this project's rules, fixed before the runs they judge."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper that can be measured."""

    id: str
    statement: str
    paper: str  # what the paper measured or showed
    where: str  # section and figure or table of the paper
    rule: str  # what is measured here, and the unit that the interval resamples
    needs_competence: bool = True  # False: the claim concerns training, whether or not the net learned


CLAIMS = (
    Claim(
        "hierarchy",
        "Features grow from edges to textures to class-specific parts and objects: the nine images of a map agree on "
        "a class more often the deeper the layer.",
        "shown by its figure 2, not counted",
        "section 4, figure 2",
        "Share of same-class pairs among a map's nine strongest images, mean over the layer's maps: layer 5 minus "
        "layer 1, and layer 5 minus the same layer of the untrained net. Unit: tenths of the images, each left "
        "out in turn and the nine found again (delete-a-group jackknife, Student's t).",
    ),
    Claim(
        "grouping",
        "Within one map the nine stimuli are alike, more than they are like another map's.",
        "shown by its figure 2, not counted",
        "section 4, figure 2",
        "For each of layers 2-5: similarity of a map's nine patches to each other minus their similarity to "
        "patches of other maps of the layer (patches resampled to 32 px, HOG and mean colour, pairs from one "
        "image left out), mean over the maps. Unit: tenths of the images, each left out in turn and the nine "
        "found again (delete-a-group jackknife, Student's t).",
    ),
    Claim(
        "lower-layers-converge-first",
        "Lower layers settle within a few epochs, upper layers only late.",
        "layers 1-2 in a few epochs, layers 4-5 after 40-50 of 70",
        "section 4, figure 4",
        "Progress of a layer: (CKA_t - CKA_0)/(1 - CKA_0), debiased linear CKA with the final net on at least 500 "
        "fixed validation images. T: the area between progress and 1 over the whole training, in epochs. T of "
        "layer 5 minus T of layer 1, T of layer 4 minus T of layer 2. The schedule counts: a cosine anneals all "
        "layers together. Unit: images, resampled as weights.",
    ),
    Claim(
        "small-transformations-first-layer",
        "A small transformation moves layer 1 far more than layer 7.",
        "shown by its figure 5, not counted",
        "section 4, figure 5",
        "At 5 px of 224 (in proportion), scale 1.05 and 5 degrees: distance relative to that between different images, "
        "layer 1 minus layer 7. Unit: images.",
    ),
    Claim(
        "quasi-linear-top",
        "At the top layer, distance grows quasi-linearly with translation and scale.",
        "shown by its figure 5, not counted",
        "section 4, figure 5",
        "R² of a straight line of an image's own layer-7 distance against the size of the shift and against scale "
        "− 1 over the paper's ranges, the untransformed point left out, mean over an image's directions: for "
        "shifts and for scales the median over images in [0.9, 1], and the median of the difference to the same "
        "image's R² at layer 1. Unit: images.",
    ),
    Claim(
        "output-stable",
        "The true label's probability is stable to translation and scale, not to rotation, save for rotationally "
        "symmetric objects.",
        "shown by its figure 5, not counted",
        "section 4, figure 5",
        "Mean of min(1, p(true, transformed)/p(true, clean)) over the paper's range, correctly classified images: "
        "translation minus rotation, scale minus rotation, rotation of symmetric classes minus of the others. "
        "Unit: images.",
    ),
    Claim(
        "clipping",
        "Without clipping the filters' RMS, a few layer-1 filters dominate.",
        "one filter dominates in its figure 6(a)",
        "section 4.1, figure 6(a)",
        "Two nets by the recipe 'paper', with and without clipping: share of an image's layer-1 response energy "
        "that lies in the 5 % of filters strongest over all images (at least one), without minus with. Where "
        "clipping never acted, or a training diverged: not tested. Unit: images.",
        needs_competence=False,
    ),
    Claim(
        "fewer-dead-features",
        "A 7x7 first layer with stride 2 has fewer dead and more distinctive filters than 11x11 with stride 4, and "
        "covers the middle frequencies.",
        "shown by its figure 6(b, c), not counted",
        "section 4.1, figure 6(b, c)",
        "11x11/4 minus 7x7/2, layer 1, over all seeds that were trained: share of dead filters (exact interval); "
        "likeness, the mean cosine of a filter to its nearest other on a common grid of 7x7, minus the same "
        "number for as many random filters of that size; 7x7/2 minus 11x11/4: share of spectral energy between "
        "1/16 and 1/4 cycle per pixel. Unit: filters.",
    ),
    Claim(
        "less-aliasing",
        "Layer-2 projections of the 7x7/2 net are freer of aliasing.",
        "shown by its figure 6(d, e), not counted",
        "section 4.1, figure 6(d, e)",
        "Share of a layer-2 projection's spectral energy in narrow bands around 1/4 and 1/2 cycle per pixel, relative "
        "to the image patch (logarithm of the ratio of the two shares): 11x11/4 minus 7x7/2. Unit: projections, one for "
        "each image.",
    ),
    Claim(
        "better-architecture",
        "The net with 7x7 filters and stride 2 has the lower error.",
        "top-1 error 38.4 % against 40.5 %",
        "section 5.1, table 2",
        "Error of 11x11/4 minus that of 7x7/2 on further images that are drawn for this alone, both trained on "
        "the same images, crops, flips and seed until their training error no longer falls. Unit: images, paired; "
        "with six seeds or more: seeds, paired (Student's t).",
    ),
    Claim(
        "localises",
        "Covering the object drops the correct class's probability, covering background does not.",
        "shown by its figure 7, not counted",
        "section 4.2, figure 7",
        "Drop of the true class's probability, square at least half on the object minus square on background; "
        "pointing-game hits minus the object's share of the area. Beside them, not judged: the drop in log-odds. "
        "Unit: images.",
    ),
    Claim(
        "visualisation-is-genuine",
        "Covering what the projection shows drops that map's activity.",
        "shown by its figure 7, not counted",
        "section 4.2, figure 7",
        "Relative drop of the map's activity (the sum of its values above zero), covering the peak of the projection's energy minus "
        "covering an equal area inside the receptive field that the projection leaves empty; and minus covering "
        "the peak of another map's projection in the same image. Unit: images.",
    ),
    Claim(
        "correspondence",
        "Masking the same part changes the features alike in different images, more alike than random masks do; less "
        "so at layer 7.",
        "layer 5: 0.067-0.079 for the parts, 0.107 for random masks",
        "section 4.3, table 1",
        "The paper's score at layer 5, random places on the object minus each part; the parts' mean gap at layer "
        "5 minus at layer 7. A change of at most 1e-5 of the image's largest feature counts as zero; equal signs, "
        "zeros included, agree. Pairs of images of different classes, as the paper's five dogs are of different "
        "breeds; where one class alone has parts, pairs within it, and said. Unit: images (delete-one jackknife, "
        "Student's t).",
    ),
    Claim(
        "depth-matters",
        "Removing layers 3 and 4, or 6 and 7, costs little; removing both costs much.",
        "extra error 4.9 and 4.3 points; 30.8 for both",
        "section 5.1, table 3",
        "Extra error without both 3,4 and 6,7 minus the sum of the extra errors without each, on further images "
        "that are drawn for this alone; all nets trained on the same images, crops, flips and seed until their "
        "training error no longer falls. Unit: images, paired.",
    ),
    Claim(
        "generalises",
        "A softmax on frozen features beats training from scratch, the more so the fewer images a class has.",
        "Caltech-101, 15 images a class: 83.8 % against 22.8 %",
        "section 5.2, tables 4 and 5, figure 9",
        "Accuracy of the softmax on frozen features minus training from scratch, at the smallest and the largest "
        "number of images a class; the gap at the smallest minus at the largest. Both learn from the same crops "
        "and flips of the same images and see one view of each test image. Unit: test images and draws of the "
        "training images, both resampled.",
    ),
    Claim(
        "deeper-is-better",
        "The accuracy of a linear classifier rises with the layer it reads.",
        "Caltech-101, SVM: 44.8 % at layer 1 to 85.5 % at layer 7",
        "section 5.3, table 7",
        "On the transfer set, every layer read through the same number of inputs (principal components fitted on "
        "the base set's validation images: 256, or as many as the smallest layer has): accuracy at layer 7 minus "
        "at layer 1; rank correlation of accuracy with layer. Unit: test images and draws of the training images, "
        "both resampled.",
    ),
)
BY_ID = {claim.id: claim for claim in CLAIMS}
