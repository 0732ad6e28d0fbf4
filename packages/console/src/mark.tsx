import type { ReactNode } from "react";

/** The skerry: a rock that the sea leaves standing. */
export function Mark({ size }: { readonly size: number }): ReactNode {
  return (
    <svg className="mark" viewBox="0 0 32 32" width={size} height={size} aria-hidden="true">
      <path
        className="mark-rock"
        d="M3 20 10 8.600a1.900 1.900 0 0 1 3.200 0l3.500 5.700 1.600-2.200a1.900 1.900 0 0 1 3.100.1L29 20z"
      />
      <path
        className="mark-sea"
        d="M3 24.500c2.600 0 2.600 1.800 5.200 1.800s2.600-1.800 5.200-1.800 2.600 1.800 5.200 1.800 2.600-1.800 5.200-1.800 2.600 1.800 5.200 1.800"
      />
    </svg>
  );
}
