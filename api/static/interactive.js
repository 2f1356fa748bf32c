"use strict";

window.addEventListener("load", () => {
  const page = document.getElementById("swagger-ui");
  window.ui = SwaggerUIBundle({
    url: page.dataset.description,
    domNode: page,
    deepLinking: true,
    docExpansion: "none",
    displayRequestDuration: true,
    filter: true,
    tryItOutEnabled: true,
    // The description is this installation's own: nothing is to be asked of a validator elsewhere.
    validatorUrl: null,
    presets: [SwaggerUIBundle.presets.apis],
    layout: "BaseLayout",
  });
});
