import { z } from "zod";
import { ROLES } from "../identity.ts";

export const role = z.enum(ROLES);
