/* The cover letter's scenario, a second time: written from docs/spec/kernel-probe.md sections 2 to 4 alone (its step
 * names are the labels here), not from the C++ model. A client with two ids of smmu0, which is there, is bound (Client)
 * while smmu1 registers and its walk visits the client (Walk). Driver: arm-smmu-v3.
 * Variant: base; with -DSERIES_17 the end of the series with its defects repaired; with -DMURPHY the one-lock fix of
 * v6.7, whose L2 covers the parse (6.3).
 * Each read or write of shared state is one step. Each end state prints one line:
 *   OUTCOME C=<how the client's task ended> W=<the walk's> and, if nobody crashed, what the client has.
 * How a task ended: ok, waits, failed (the registration), or NULL/UAF/DF@step.
 */

#define NONE 0
#define OBJECTS 8

/* How a task ended. */
#define RUNNING 0
#define OK 1
#define FAILED 2
#define IS_NULL 10
#define IS_UAF 40
#define IS_DF 70
/* Steps: added to the above. */
#define OIC1 0
#define FI1 1
#define FI4 2
#define FA1 3
#define FA2 4
#define FA3 5
#define FA4 6
#define OIC6 7
#define ID3 8
#define ID4 9
#define ID7 10
#define ID8 11
#define ATTACH 12
#define FINAL 13
#define PS4 14

/* Errors. */
#define ENODEV 1
#define EBUSY 2
#define EINVAL 3

byte dev_iommu;            /* dev->iommu: a container's number */
bool container_freed[OBJECTS];
byte container_fwspec[OBJECTS];
bool container_priv[OBJECTS];
bool container_iommu_dev[OBJECTS];
byte containers;           /* made so far */

bool fwspec_freed[OBJECTS];
byte fwspec_count[OBJECTS];
byte fwspec_first[OBJECTS];   /* ids[0], ids[1] */
byte fwspec_second[OBJECTS];
byte fwspecs;

bool group;                /* dev->iommu_group is set */
bool domain;               /* its domain is */
bool probe_lock;           /* L2 */
bool group_lock;           /* L3 */
bool bound;
bool ops_iommu;            /* dma_ops */
byte client_end = RUNNING;
byte walk_end = RUNNING;

/* A step that looks into a container or a fwspec. */
#define CHECK_CONTAINER(p, step) \
    if \
    :: p == NONE -> fate = IS_NULL + step; goto dead \
    :: p != NONE && container_freed[p] -> fate = IS_UAF + step; goto dead \
    :: else \
    fi
#define CHECK_FWSPEC(f, step) \
    if \
    :: f == NONE -> fate = IS_NULL + step; goto dead \
    :: f != NONE && fwspec_freed[f] -> fate = IS_UAF + step; goto dead \
    :: else \
    fi

inline new_container(p) { containers++; assert(containers < OBJECTS); p = containers }
inline new_fwspec(f) { fwspecs++; assert(fwspecs < OBJECTS); f = fwspecs }

/* dev_iommu_get: check, then act. */
inline get_container(p) {
    p = dev_iommu;
    if
    :: p == NONE -> atomic { new_container(p) }; dev_iommu = p
    :: else
    fi
}

/* dev_iommu_fwspec_get: none without a container. */
inline get_fwspec(p, f, step) {
    p = dev_iommu;
    f = NONE;
    if
    :: p != NONE -> atomic { CHECK_CONTAINER(p, step); f = container_fwspec[p] }
    :: else
    fi
}

/* ID8 */
inline drop_container(p, f) {
    p = dev_iommu;
    atomic { CHECK_CONTAINER(p, ID8); container_iommu_dev[p] = false };
    p = dev_iommu;
    dev_iommu = NONE;
    atomic { CHECK_CONTAINER(p, ID8); f = container_fwspec[p] };
    if
    :: f != NONE ->
        atomic { CHECK_FWSPEC(f, ID8) };   /* its firmware node is put */
        atomic {
            if
            :: fwspec_freed[f] -> fate = IS_DF + ID8; goto dead
            :: else -> fwspec_freed[f] = true
            fi
        }
    :: else
    fi;
    atomic {
        if
        :: container_freed[p] -> fate = IS_DF + ID8; goto dead
        :: else -> container_freed[p] = true
        fi
    }
}

/* attach_dev of the driver: looks at what its probe stored. */
inline attach(p) {
    p = dev_iommu;
    atomic { CHECK_CONTAINER(p, ATTACH) };
    domain = true
}

inline finalize(p) {
    p = dev_iommu;
    atomic {
        CHECK_CONTAINER(p, FINAL);
        if
        :: !container_iommu_dev[p] -> fate = IS_NULL + FINAL; goto dead
        :: else
        fi
    }
}

/* PD (2.5) or PF (4.1); `listed`: by the walk; `own`: the caller's fwspec or none; `made`: the group is new. */
inline probe(listed, own, err, p, f, n, made) {
    err = 0;
    atomic { !probe_lock -> probe_lock = true };
#ifdef SERIES_17
    if
    :: own == NONE -> get_fwspec(p, f, PS4)
    :: else
    fi;
#endif
    if
    :: group ->
#ifdef SERIES_17
        if
        :: own != NONE -> fwspec_freed[own] = true
        :: else
        fi;
#endif
        skip
    :: else ->
        get_container(p);
#ifdef SERIES_17
        p = dev_iommu;
        atomic { CHECK_CONTAINER(p, PS4); f = container_fwspec[p] };
        if
        :: f != NONE && f != own -> atomic { CHECK_FWSPEC(f, PS4); fwspec_freed[f] = true }
        :: else
        fi;
        atomic { CHECK_CONTAINER(p, PS4); container_fwspec[p] = own };
#endif
        /* ID3: the driver's checks, in order. */
        get_fwspec(p, f, ID3);
        if
        :: f == NONE -> err = ENODEV
        :: else ->
            atomic { CHECK_FWSPEC(f, ID3) };       /* ops */
            p = dev_iommu;
            atomic {
                CHECK_CONTAINER(p, ID3);
                if
                :: container_priv[p] -> err = EBUSY
                :: else
                fi
            };
            if
            :: err == 0 ->
                atomic { CHECK_FWSPEC(f, ID3) };   /* its firmware node, to find the instance */
                p = dev_iommu;
                atomic { CHECK_CONTAINER(p, ID3); container_priv[p] = true };
                atomic { CHECK_FWSPEC(f, ID3); n = fwspec_count[f] };
                do
                :: n > 0 -> atomic { CHECK_FWSPEC(f, ID3); n-- }
                :: else -> break
                od
            :: else
            fi
        fi;
        if
        :: err == 0 ->
            p = dev_iommu;
            atomic { CHECK_CONTAINER(p, ID4); container_iommu_dev[p] = true };
            group = true;
            made = true;
            p = dev_iommu;
            atomic { CHECK_CONTAINER(p, ID7) };
            atomic { !group_lock -> group_lock = true };
            if
            :: !domain && !listed -> attach(p)     /* SDD at once; with a list: BIP2's business */
            :: else
            fi;
            group_lock = false
        :: else -> drop_container(p, f)
        fi
    fi;
    probe_lock = false;
    n = 0
}

active proctype Client() {
    byte p, f, fresh, n, err, entry, fate;
    bool configured, made;

#ifndef SERIES_17
#ifdef MURPHY
    atomic { !probe_lock -> probe_lock = true };
#endif
    /* OIC1, OIC3 */
    get_fwspec(p, f, OIC1);
    do
    :: entry < 2 && err == 0 ->
        entry++;
        get_fwspec(p, f, FI1);
        if
        :: f != NONE -> atomic { CHECK_FWSPEC(f, FI1) }     /* same ops: nothing to do */
        :: else ->
            get_container(p);
            atomic { new_fwspec(fresh) };                    /* FI3 */
            p = dev_iommu;
            atomic { CHECK_CONTAINER(p, FI4); container_fwspec[p] = fresh }
        fi;
        /* of_xlate: FA */
        get_fwspec(p, f, FA1);
        if
        :: f == NONE -> err = EINVAL
        :: else ->
            atomic { CHECK_FWSPEC(f, FA2); n = fwspec_count[f] };
            if
            :: n > 0 ->
                /* The struct grows: a new one, the old one is freed. */
                atomic {
                    if
                    :: fwspec_freed[f] -> fate = IS_DF + FA2; goto dead
                    :: else
                    fi;
                    new_fwspec(fresh);
                    fwspec_count[fresh] = fwspec_count[f];
                    fwspec_first[fresh] = fwspec_first[f];
                    fwspec_second[fresh] = fwspec_second[f];
                    fwspec_freed[f] = true;
                    f = fresh
                };
                p = dev_iommu;
                atomic { CHECK_CONTAINER(p, FA2); container_fwspec[p] = f }
            :: else
            fi;
            atomic {
                CHECK_FWSPEC(f, FA3);
                if
                :: n == 0 -> fwspec_first[f] = entry
                :: else -> fwspec_second[f] = entry
                fi
            };
            atomic { CHECK_FWSPEC(f, FA4); fwspec_count[f] = n + 1 }
        fi;
        n = 0; fresh = NONE
    :: else -> break
    od;
    if
    :: err == 0 ->
        get_fwspec(p, f, OIC6);
        atomic { CHECK_FWSPEC(f, OIC6) };
#ifdef MURPHY
        probe_lock = false;
#endif
        probe(false, NONE, err, p, f, n, made)                     /* OIC7 */
    :: else ->
#ifdef MURPHY
        probe_lock = false;
#endif
        skip
    fi;
#else
    /* OICs: a private fwspec, filled by of_xlate_fwspec; nobody else sees it before PF. */
    atomic {
        new_fwspec(fresh);
        fwspec_count[fresh] = 2;
        fwspec_first[fresh] = 1;
        fwspec_second[fresh] = 2
    };
    probe(false, fresh, err, p, f, n, made);
#endif
    if
    :: err == 0 -> configured = true
    :: else
    fi;
    if
    :: err == 0 -> finalize(p)                               /* after L2 was dropped */
    :: else
    fi;
    if
    :: configured && domain -> ops_iommu = true              /* arch_setup_dma_ops */
    :: else
    fi;
    /* UD */
    if
    :: group ->
        atomic { !group_lock -> group_lock = true };
        group_lock = false
    :: else
    fi;
    bound = true;
    fate = OK;
dead:
    client_end = fate
}

active proctype Walk() {
    byte p, f, n, err, fate;
    bool made;

    probe(true, NONE, err, p, f, n, made);                   /* BIP1, at the client */
    if
    :: err != 0 && err != ENODEV -> fate = FAILED; goto dead
    :: else
    fi;
    /* BIP2: only what this walk probed is on its list. */
    if
    :: made ->
        atomic { !group_lock -> group_lock = true };
        if
        :: !domain -> attach(p)
        :: else
        fi;
        group_lock = false;
        finalize(p)
    :: else
    fi;
    fate = OK;
dead:
    walk_end = fate
}

/* When nothing moves any more. */
active proctype Judge() {
    byte p, f;
    timeout ->
    p = dev_iommu;
    if
    :: p != NONE && !container_freed[p] -> f = container_fwspec[p]
    :: else -> f = NONE
    fi;
    if
    :: f != NONE && fwspec_freed[f] -> f = NONE
    :: else
    fi;
    c_code {
        static const char* const kSteps[] = {"OIC1", "FI1", "FI4", "FA1", "FA2", "FA3", "FA4", "OIC6",
                                             "ID3", "ID4", "ID7", "ID8", "ATTACH", "FINAL", "PS4"};
        int who;
        int crashed = 0;
        printf("OUTCOME");
        for (who = 0; who < 2; who++) {
            int fate = who == 0 ? now.client_end : now.walk_end;
            printf(" %c=", who == 0 ? 'C' : 'W');
            if (fate == 0) printf("waits");
            else if (fate == 1) printf("ok");
            else if (fate == 2) printf("failed");
            else printf("%s@%s", fate < 40 ? "NULL" : fate < 70 ? "UAF" : "DF", kSteps[(fate - 10) % 30]);
            if (fate >= 10) crashed = 1;
        }
        if (!crashed) {
            printf(" bound=%d group=%d domain=%d ops=%s ids=", now.bound, now.group, now.domain,
                   now.ops_iommu ? "iommu" : "direct");
            if (PJudge->f == 0) printf("none");
            if (PJudge->f != 0 && now.fwspec_count[PJudge->f] > 0) printf("%d,", now.fwspec_first[PJudge->f]);
            if (PJudge->f != 0 && now.fwspec_count[PJudge->f] > 1) printf("%d,", now.fwspec_second[PJudge->f]);
        }
        printf("\n");
    }
}
