// The API documentation at `/docs`: Swagger UI over this server's own description, from this server alone.
import "swagger-ui-dist/swagger-ui.css";
import "./style/docs.css";
import SwaggerUI from "swagger-ui-dist/swagger-ui-es-bundle.js";
import { Settings } from "./settings.js";

const { key, theme } = new Settings();
const isDark = theme ? theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
document.documentElement.classList.toggle("dark-mode", isDark);

SwaggerUI({
  url: new URL("openapi.json", new URL(".", document.baseURI)).href,
  domNode: document.getElementById("documentation"),
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  validatorUrl: null,
  requestInterceptor(request) {
    if (key && !request.headers.Authorization) request.headers.Authorization = `Bearer ${key}`;
    return request;
  },
});
