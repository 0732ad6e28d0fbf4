// A web server; Skerry passes requests on to it.
package main

import (
	"encoding/json"
	"log"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		name := r.URL.Query().Get("name")
		if name == "" {
			name = "world"
		}
		w.Header().Set("content-type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"message": "Hello, " + name + "!"})
	})
	log.Fatal(http.ListenAndServe(":"+os.Getenv("PORT"), nil))
}
