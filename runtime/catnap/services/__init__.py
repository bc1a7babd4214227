"""From a skill's folder to something that answers: manifest -> Knative
Service object -> the platform that runs it."""
