export {
  OPENAPI_PATH,
  openApiDocument,
  REFERENCE_PATH,
  type OpenApiDocument,
  type OpenApiOperation,
  type OpenApiParameter,
  type OpenApiResponse,
} from "./openapi.ts";
