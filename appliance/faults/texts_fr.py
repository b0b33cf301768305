"""The table of faults in French: key, then cause and cure."""

from __future__ import annotations

FRENCH = {
    "no_wifi": (
        "L'appareil n'est connecté à aucun réseau.",
        "Vérifiez le routeur, ainsi que le nom et le mot de passe du réseau donnés à l'appareil.",
    ),
    "no_route": (
        "Le réseau ne mène pas à Internet.",
        "Vérifiez le routeur et sa ligne ; l'appareil continue d'essayer.",
    ),
    "captive_portal": (
        "Le réseau demande d'abord une identification sur une page web.",
        "Identifiez-vous avec un téléphone sur le même réseau, ou donnez un autre réseau à "
        "l'appareil.",
    ),
    "dns_failed": (
        "L'adresse du service est introuvable : aucun serveur de noms ne répond, ou le nom "
        "est faux.",
        "Vérifiez le routeur ; vérifiez `endpoint.url` s'il a été modifié.",
    ),
    "clock_wrong": (
        "L'horloge de l'appareil est fausse ; aucun certificat ne peut donc être accepté.",
        "Connectez-le à un réseau qui laisse passer les serveurs de temps (NTP) ; voyez "
        "`timedatectl`.",
    ),
    "tls_failed": (
        "Le certificat du service n'est pas digne de confiance, ou quelque chose intercepte "
        "la connexion en chemin.",
        "Cherchez un proxy ou un filtre dans le réseau ; vérifiez `endpoint.url`.",
    ),
    "connection_refused": (
        "Rien n'écoute à l'adresse du service.",
        "Vérifiez `endpoint.url`, et que le serveur y fonctionne.",
    ),
    "connect_timeout": (
        "Le service n'a pas répondu à l'appel à temps.",
        "Vérifiez le réseau, et le pare-feu s'il y en a un ; l'appareil continue d'essayer.",
    ),
    "proxy_failed": (
        "Le proxy n'a pas laissé passer la connexion.",
        "Vérifiez HTTPS_PROXY et NO_PROXY, ainsi que le proxy lui-même.",
    ),
    "link_failed": (
        "Aucune connexion n'a pu être établie.",
        "Vérifiez le réseau ; l'appareil continue d'essayer.",
    ),
    "link_lost": (
        "La connexion a été perdue.",
        "Elle est rétablie aussitôt ; reposez la question si une réponse a été coupée, et "
        "vérifiez le réseau si cela continue.",
    ),
    "stalled": (
        "La connexion est devenue muette.",
        "Elle est rétablie aussitôt ; reposez la question si une réponse a été coupée, et "
        "vérifiez le réseau si cela continue.",
    ),
    "circuit_open": (
        "Le service est hors d'atteinte depuis un moment ; l'appareil essaie donc moins souvent.",
        "Vérifiez le réseau et le service ; un essai a lieu tous les "
        "`circuit_breaker.reset_timeout`.",
    ),
    "session_expired": (
        "La session a atteint son âge maximal.",
        "Il n'y a rien à faire : l'appareil en ouvre une nouvelle.",
    ),
    "renewal_failed": (
        "La session suivante n'a pas pu être ouverte.",
        "Il n'y a rien à faire : la session actuelle sert jusqu'au prochain essai.",
    ),
    "protocol_error": (
        "Un message du service n'a pas été compris.",
        "Mettez l'appareil à jour si cela continue.",
    ),
    "missing_api_key": (
        "Il n'y a pas de clé d'API.",
        "Définissez le secret systemd `openai_api_key`, ou OPENAI_API_KEY, et redémarrez "
        "l'appareil.",
    ),
    "invalid_api_key": (
        "Le service n'accepte pas la clé d'API.",
        "Vérifiez que la clé est bien tapée ; créez-en une autre si elle a été révoquée.",
    ),
    "insufficient_quota": (
        "Le crédit du compte est épuisé.",
        "Rechargez le compte ; le prochain appui essaie de nouveau.",
    ),
    "billing_hard_limit_reached": (
        "La limite de dépense du compte est atteinte.",
        "Relevez la limite dans le compte, ou attendez le mois prochain.",
    ),
    "billing_not_active": (
        "Le compte n'a pas de moyen de paiement.",
        "Réglez le paiement dans le compte ; le prochain appui essaie de nouveau.",
    ),
    "account_deactivated": (
        "Le compte de cette clé d'API est fermé.",
        "Demandez au fournisseur, ou prenez la clé d'un autre compte.",
    ),
    "unsupported_country_region_territory": (
        "Le service n'est pas proposé dans ce pays.",
        "Demandez au fournisseur ; cherchez un proxy ou un VPN qui mène à l'étranger.",
    ),
    "model_not_found": (
        "Ce modèle n'existe pas, ou le compte de la clé n'y a pas droit.",
        "Donnez à `session.model` un modèle qui existe ; voyez `appliance config check`.",
    ),
    "invalid_model": (
        "Ce modèle n'est pas fait pour la parole.",
        "Donnez à `session.model` un modèle temps réel ; voyez `appliance config check`.",
    ),
    "beta_api_shape_disabled": (
        "Le service prend l'appareil pour un client de l'ancienne version bêta.",
        "Mettez l'appareil à jour ; vérifiez que `endpoint.url` ne mène pas à une vieille "
        "passerelle.",
    ),
    "service_refused": (
        "Le service a refusé la session.",
        "Voyez `appliance config check` ; la ligne du journal donne sa raison.",
    ),
    "rate_limit_exceeded": (
        "Trop de demandes en peu de temps.",
        "Attendez une minute ; l'appareil attend aussi longtemps que le service le demande.",
    ),
    "service_unavailable": (
        "Le service est en panne.",
        "Attendez un moment ; l'appareil continue d'essayer.",
    ),
    "service_error": (
        "Le service n'a pas pu répondre.",
        "Reposez la question.",
    ),
    "response_failed": (
        "Le service a abandonné une réponse.",
        "Reposez la question ; la ligne du journal donne sa raison.",
    ),
    "transcription_failed": (
        "Le service n'a pas pu transcrire ce qui a été dit.",
        "La réponse n'en a pas besoin ; vérifiez `session.input_audio_transcription.model` si "
        "cela continue.",
    ),
    "input_audio_buffer_commit_empty": (
        "Moins de 100 ms de son ont été transmises.",
        "Il n'y a rien à faire : la phrase était trop courte.",
    ),
    "response_cancel_not_active": (
        "La réponse à arrêter était déjà finie.",
        "Il n'y a rien à faire.",
    ),
    "conversation_already_has_active_response": (
        "Une réponse a été demandée pendant que la précédente finissait.",
        "Il n'y a rien à faire : l'appareil redemande.",
    ),
    "no_answer": (
        "Le service n'a pas répondu à temps.",
        "Reposez la question ; puis vérifiez le réseau.",
    ),
    "offline": (
        "La connexion a manqué trop longtemps ; ce qui a été dit n'a pas pu être transmis.",
        "Répétez-le dès que le voyant « pas de réseau » est éteint.",
    ),
    "speech_dropped": (
        "Ce qui a été dit sans connexion était trop ancien pour être envoyé.",
        "Répétez-le.",
    ),
    "audio_dropped": (
        "Il a été dit plus que ce qui peut être gardé sans connexion ; le début est perdu.",
        "Répétez-le en morceaux plus courts dès que la connexion est là.",
    ),
    "empty_answer": (
        "Le service a répondu sans le moindre son.",
        "Reposez la question.",
    ),
    "reply_cut_short": (
        "Le service a terminé sa réponse trop tôt.",
        "Demandez moins à la fois ; relevez `session.max_response_output_tokens` s'il a été "
        "abaissé.",
    ),
    "reply_stalled": (
        "La réponse s'est arrêtée au milieu.",
        "Reposez la question.",
    ),
    "tool_stuck": (
        "Une fonction appelée par le modèle n'a pas fini.",
        "Reposez la question ; puis redémarrez l'appareil.",
    ),
    "tools_without_end": (
        "Le modèle appelait des fonctions sans fin ; l'échange a été arrêté.",
        "Demandez-le avec d'autres mots.",
    ),
    "too_short": (
        "Trop peu de son a été capté.",
        "Tenez le bouton enfoncé pendant que vous parlez.",
    ),
    "microphone_missing": (
        "Il n'y a pas de microphone.",
        "Branchez-le ; `appliance devices` montre ce qu'il y a.",
    ),
    "microphone_lost": (
        "Le microphone a disparu.",
        "Vérifiez sa prise ; il sert de nouveau dès qu'il est revenu.",
    ),
    "microphone_silent": (
        "Le microphone n'a donné aucun son.",
        "Vérifiez sa prise et son interrupteur ; voyez `appliance devices`.",
    ),
    "microphone_clipping": (
        "Le microphone sature, et la parole est déformée.",
        "Baissez son gain (`alsamixer`), ou parlez de plus loin.",
    ),
    "speaker_missing": (
        "Il n'y a pas de haut-parleur.",
        "Branchez-le ; `appliance devices` montre ce qu'il y a.",
    ),
    "speaker_lost": (
        "Le haut-parleur a disparu.",
        "Vérifiez sa prise ; il sert de nouveau dès qu'il est revenu.",
    ),
    "button_stuck": (
        "Le bouton est enfoncé depuis plus d'une minute.",
        "Vérifiez qu'il n'est pas coincé, ainsi que son câblage ; il compte de nouveau dès "
        "qu'il a été relâché.",
    ),
    "disk_full": (
        "La carte mémoire est pleine.",
        "Supprimez ce qui ne sert pas ; `journalctl --vacuum-size=50M` est un début.",
    ),
    "state_not_saved": (
        "L'appareil ne peut pas écrire sur sa carte mémoire ; ce qu'il doit retenir est perdu au "
        "prochain démarrage.",
        "Vérifiez que `/var/lib/appliance` appartient au service ; remplacez une carte qui ne peut "
        "plus qu'être lue.",
    ),
    "memory_high": (
        "L'appareil manque de mémoire.",
        "Arrêtez d'autres programmes ; l'appareil redémarre de lui-même s'il le faut.",
    ),
    "too_hot": (
        "Le processeur est trop chaud et tourne lentement.",
        "Donnez à l'appareil de l'air, de l'ombre ou un dissipateur.",
    ),
    "undervoltage": (
        "L'alimentation est trop faible.",
        "Prenez une alimentation faite pour cette carte, et un câble court et épais.",
    ),
    "settings_invalid": (
        "Un ou plusieurs réglages sont faux.",
        "`appliance config check` les nomme tous ; corrigez-les et redémarrez l'appareil.",
    ),
    "update_pending": (
        "Une mise à jour attend d'être installée.",
        "Installez-la, ou redémarrez l'appareil, quand personne n'en a besoin.",
    ),
    "cost_warning": (
        "Les quatre cinquièmes du budget du jour sont dépensés.",
        "Soyez économe jusqu'à minuit, ou relevez la limite du jour dans `[cost]`.",
    ),
    "cost_cap_reached": (
        "Le budget du jour est dépensé ; l'appareil répondra de nouveau demain.",
        "Attendez minuit, ou relevez la limite du jour dans `[cost]`.",
    ),
}
