/** Drawings of the courses: a few strokes each, so that a page brings its pictures along. */
import type { ReactElement } from "react";

const STROKES: Readonly<Record<string, string>> = {
  wheat:
    "M60 8v64M60 20c-12-2-16-10-16-14 10 0 16 6 16 14c0-8 6-14 16-14 0 4-4 12-16 14M60 36c-12-2-16-10-16-14 10 0 16 6 16 14c0-8 6-14 16-14 0 4-4 12-16 14M60 52c-12-2-16-10-16-14 10 0 16 6 16 14c0-8 6-14 16-14 0 4-4 12-16 14",
  stars:
    "M12 58l20-14 18 6 14-18 26-2 18-16M12 58m-3 0a3 3 0 106 0 3 3 0 10-6 0M32 44m-2 0a2 2 0 104 0 2 2 0 10-4 0M50 50m-3 0a3 3 0 106 0 3 3 0 10-6 0M64 32m-2 0a2 2 0 104 0 2 2 0 10-4 0M90 30m-4 0a4 4 0 108 0 4 4 0 10-8 0M108 14m-2 0a2 2 0 104 0 2 2 0 10-4 0",
  bars: "M14 70h92M24 70V52h10v18M42 70V36h10v34M60 70V18h10v52M78 70V40h10v30M20 46C40 40 44 8 65 8s26 34 41 46",
  waves:
    "M4 30q14-14 28 0t28 0 28 0 28 0M4 46q14-14 28 0t28 0 28 0 28 0M4 62q14-14 28 0t28 0 28 0 28 0M92 14m-8 0a8 8 0 1016 0 8 8 0 10-16 0",
  pencil: "M30 66l6-20L86 8l14 16-50 38-20 4M36 46l14 16M78 14l14 16M14 72c30-6 50 4 92-2",
  ledger: "M24 8h72v64H24zM60 8v64M32 22h20M32 34h20M32 46h14M68 22h20M68 34h20M68 46h14M32 60h56",
  strings: "M6 16h108M6 26h108M6 36h108M6 46h108M6 56h108M6 66h108M30 10v62M58 10v62M86 10v62",
  leaves:
    "M60 74V34M60 46C40 46 28 34 28 16c20 0 32 12 32 30M60 38c0-18 12-28 32-28 0 18-12 28-32 28M44 74h32",
};

interface ArtProps {
  readonly motif: string;
}

export function Art({ motif }: ArtProps): ReactElement {
  return (
    <div className={`art ${motif}`} aria-hidden="true">
      <svg viewBox="0 0 120 80">
        <path d={STROKES[motif]} />
      </svg>
    </div>
  );
}
